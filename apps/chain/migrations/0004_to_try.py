from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('chain', '0003_mempool'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='transaction',
            index=models.Index(condition=models.Q(('status', 'pending'), models.Q(('kind', 'transfer'), _negated=True)), fields=['sender'], name='chain_transaction_to_try'),
        ),
    ]
